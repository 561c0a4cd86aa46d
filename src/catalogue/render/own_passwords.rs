//! The passwords that phones are given of their own, and whether any file has them: one that
//! none has would be shown to operators and open nothing.

use super::left_behind::own_families;
use crate::catalogue::family::problem::Problem;
use crate::catalogue::{Catalogue, PhoneType, Sources};
use crate::domain::PasswordOf;

impl Catalogue {
    /// Whether a file of the type has the password that the settings of a phone say.
    ///
    /// Asks the files where the family does not say so: takes some renderings the first time.
    #[must_use]
    pub fn has_password(&self, phone_type: &PhoneType, of: PasswordOf) -> bool {
        let own = phone_type.own_passwords;
        let said = match of {
            PasswordOf::Admin => own.admin,
            PasswordOf::User => own.user,
        };
        said.is_some() || self.writes_password(phone_type, of)
    }

    fn writes_password(&self, phone_type: &PhoneType, of: PasswordOf) -> bool {
        !self.expressed(phone_type, &[setting(of).to_owned()].into()).is_empty()
    }

    /// The passwords that types of an operator's own families are given and no file has.
    #[must_use]
    pub fn passwords_without_file(&self, sources: &Sources) -> Vec<Problem> {
        let own = own_families(sources);
        let asked = self.representatives().into_iter();
        let asked = asked.filter(|of| own.contains(&self.family_of(of).id));
        asked.flat_map(|phone_type| self.without_file(phone_type)).collect()
    }

    fn without_file(&self, phone_type: &PhoneType) -> Vec<Problem> {
        let own = phone_type.own_passwords;
        let given = [("admin", PasswordOf::Admin, own.admin), ("user", PasswordOf::User, own.user)];
        let lost = given
            .into_iter()
            .filter(|(_, of, given)| given.is_some() && !self.writes_password(phone_type, *of));
        let problem = |(name, of, _): (&str, PasswordOf, _)| {
            let file = format!("{}/family.toml", self.family_of(phone_type).id);
            let message = format!(
                "`{}` is given a password that none of its files has: write settings.{}, or say \
                 `{name} = false` in [own_passwords], or there `unless` of a constant of its data",
                phone_type.key,
                setting(of),
            );
            Problem::new(&file, None, message)
        };
        lost.map(problem).collect()
    }
}

fn setting(of: PasswordOf) -> &'static str {
    match of {
        PasswordOf::Admin => "access.admin_password",
        PasswordOf::User => "access.user_password",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::tests::{FAMILY, folders};

    #[test]
    fn each_type_is_given_the_passwords_that_its_files_have() {
        let catalogue = Catalogue::load(&Sources::default()).unwrap();
        let (mut without, mut wrong) = (0, Vec::new());
        for phone_type in catalogue.representatives() {
            let own = phone_type.own_passwords;
            for (of, given) in [(PasswordOf::Admin, own.admin), (PasswordOf::User, own.user)] {
                let writes = catalogue.writes_password(phone_type, of);
                without += usize::from(!writes);
                if given.is_some() != writes {
                    wrong.push((phone_type.key.as_str(), of));
                }
            }
        }
        assert!(without > 0 && wrong.is_empty(), "{wrong:?}");
    }

    #[test]
    fn a_password_that_is_in_no_file_is_told() {
        let problems = |family: &str, template: &str| {
            let folders = folders(&FAMILY.replace("[maps.language]", family), template);
            let catalogue = Catalogue::from_folders(&folders, &Default::default()).unwrap();
            let types = catalogue.representatives();
            let found: Vec<_> = types.iter().flat_map(|of| catalogue.without_file(of)).collect();
            found.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        let both = "{% if settings.access.admin_password %}\n{{ settings.access.admin_password }}\n{% endif %}\n\
                    {% if settings.access.user_password and type.modules %}\n\
                    {{ settings.access.user_password }}\n{% endif %}\n";
        let found = problems("[maps.language]", both);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains("`a1` is given a password"), "{found:?}");
        assert!(found[0].contains("settings.access.user_password"), "{found:?}");
        let none = "[own_passwords]\nuser = false\n[maps.language]";
        assert_eq!(problems(none, both), Vec::<String>::new());
        let unless = "[own_passwords]\nuser = { unless = \"color\" }\n[maps.language]";
        assert_eq!(problems(unless, both), Vec::<String>::new());
    }

    #[test]
    fn what_is_no_form_of_a_password_is_told_with_its_line() {
        for (said, complaint) in [
            ("user = { unless = \"colour\" }", "no type has `colour` in its data"),
            ("user = { digits = 8, characters = 8 }", "of `digits` or of `characters`"),
            ("user = { digits = 3 }", "a password has 4 to 24 characters"),
            ("user = { letters = 8 }", "true, false, or a table"),
            ("admin = \"none\"", "true, false, or a table"),
        ] {
            let family = FAMILY
                .replace("[maps.language]", &format!("[own_passwords]\n{said}\n[maps.language]"));
            let error = Catalogue::from_folders(&folders(&family, ""), &Default::default());
            let error = error.unwrap_err().to_string();
            assert!(error.contains(complaint) && error.contains("acme/family.toml:21"), "{error}");
        }
    }
}
