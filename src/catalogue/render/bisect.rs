//! Which of many things make a difference, where mostly nothing does.

/// Those of `all` of which each makes a difference by itself, in their order. What makes none
/// together is taken to make none one by one: halves are tried until they make none.
pub(crate) fn making_a_difference<T: Clone>(all: &[T], differs: &impl Fn(&[T]) -> bool) -> Vec<T> {
    if all.is_empty() || !differs(all) {
        return Vec::new();
    }
    if let [one] = all {
        return vec![one.clone()];
    }
    let (first, second) = all.split_at(all.len() / 2);
    let mut found = making_a_difference(first, differs);
    found.extend(making_a_difference(second, differs));
    found
}
