//! `#[derive(Job)]`: implements `Job` from attributes. It is only a convenience: the same impl can be written by hand.

use proc_macro::TokenStream;
use proc_macro2::TokenStream as Tokens;
use quote::quote;
use syn::{DeriveInput, Expr, LitStr, Path, Type, meta::ParseNestedMeta, parse_macro_input};

/// Implements `longshore::Job` for a struct.
///
/// | attribute | constant | default |
/// |---|---|---|
/// | `kind = "…"` | `KIND` | the type's name in `snake_case` |
/// | `output = Type` | `Output` | `()` |
/// | `queue = "…"` | `QUEUE` | `default` |
/// | `max_attempts = n` | `MAX_ATTEMPTS` | 20 |
/// | `timeout = expression` | `TIMEOUT` | 30 minutes |
/// | `priority = n` | `PRIORITY` | 0 |
/// | `retry = expression` | `RETRY` | `Retry::DEFAULT` |
/// | `stop_at_lease_end = bool` | `STOP_AT_LEASE_END` | `false` |
///
/// `crate = path` names the crate `longshore` if it has another name or is re-exported: `#[job(crate = my_app::jobs)]`.
///
/// ```text
/// #[derive(Serialize, Deserialize, Job)]
/// #[job(kind = "resize", output = Size, timeout = Duration::from_secs(60))]
/// struct Resize { picture: String }
/// ```
#[proc_macro_derive(Job, attributes(job))]
pub fn derive_job(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    implement(&input).unwrap_or_else(|e| e.to_compile_error()).into()
}

/// The values of the attributes.
#[derive(Default)]
struct Said {
    longshore: Option<Path>,
    kind: Option<LitStr>,
    output: Option<Type>,
    retry: Option<Expr>,
    /// The other constants.
    constants: Vec<Tokens>,
}

fn implement(input: &DeriveInput) -> syn::Result<Tokens> {
    let mut said = Said::default();
    for attribute in input.attrs.iter().filter(|attribute| attribute.path().is_ident("job")) {
        attribute.parse_nested_meta(|meta| said.note(&meta))?;
    }
    let longshore = said.longshore.unwrap_or_else(|| syn::parse_quote!(::longshore));
    let name = &input.ident;
    let kind = said.kind.unwrap_or_else(|| LitStr::new(&snake_case(&name.to_string()), name.span()));
    let output = said.output.map_or_else(|| quote!(()), |output| quote!(#output));
    let retry = said.retry.map(|retry| quote!(const RETRY: #longshore::Retry = #retry;));
    let constants = said.constants.into_iter().chain(retry);
    let (generics, arguments, bounds) = input.generics.split_for_impl();
    Ok(quote! {
        impl #generics #longshore::Job for #name #arguments #bounds {
            const KIND: &'static str = #kind;
            type Output = #output;
            #(#constants)*
        }
    })
}

impl Said {
    fn note(&mut self, meta: &ParseNestedMeta<'_>) -> syn::Result<()> {
        let Some(name) = meta.path.get_ident().map(ToString::to_string) else {
            return Err(meta.error("expected a name"));
        };
        let constant = match name.as_str() {
            "kind" => {
                self.kind = Some(meta.value()?.parse()?);
                return Ok(());
            }
            "output" => {
                self.output = Some(meta.value()?.parse()?);
                return Ok(());
            }
            "crate" => {
                let value = meta.value()?;
                let path = if value.peek(LitStr) {
                    value.parse::<LitStr>()?.parse()?
                } else {
                    value.call(Path::parse_mod_style)?
                };
                self.longshore = Some(path);
                return Ok(());
            }
            "retry" => {
                self.retry = Some(meta.value()?.parse()?);
                return Ok(());
            }
            "queue" => quote!(QUEUE: &'static str),
            "max_attempts" => quote!(MAX_ATTEMPTS: u16),
            "timeout" => quote!(TIMEOUT: ::std::time::Duration),
            "priority" => quote!(PRIORITY: i16),
            "stop_at_lease_end" => quote!(STOP_AT_LEASE_END: bool),
            _ => {
                let known = "kind, output, queue, max_attempts, timeout, priority, retry, stop_at_lease_end \
                             and crate";
                return Err(meta.error(format!("unknown attribute `{name}`; the attributes are {known}")));
            }
        };
        let value: Expr = meta.value()?.parse()?;
        self.constants.push(quote!(const #constant = #value;));
        Ok(())
    }
}

fn snake_case(name: &str) -> String {
    let mut text = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !text.is_empty() {
            text.push('_');
        }
        text.extend(letter.to_lowercase());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_named_after_its_type() {
        assert_eq!(snake_case("SendWelcomeMail"), "send_welcome_mail");
    }

    #[test]
    fn crate_names_the_library() {
        let derived = |attribute: &str| {
            let text = format!("#[job({attribute}, retry = Retry::DEFAULT)] struct X;");
            implement(&syn::parse_str(&text).unwrap()).unwrap().to_string().replace(' ', "")
        };
        for (attribute, path) in [
            ("priority = 1", "::longshore"),
            ("crate = my_app::jobs", "my_app::jobs"),
            ("crate = crate::jobs", "crate::jobs"),
            ("crate = \"my_app::jobs\"", "my_app::jobs"),
        ] {
            let derived = derived(attribute);
            assert!(derived.contains(&format!("impl{path}::JobforX")), "{derived}");
            assert!(derived.contains(&format!("constRETRY:{path}::Retry=Retry::DEFAULT;")), "{derived}");
        }
    }

    #[test]
    fn an_unknown_attribute_is_refused_with_those_there_are() {
        let input: DeriveInput = syn::parse_str("#[job(kinds = \"x\")] struct X;").unwrap();
        let error = implement(&input).unwrap_err().to_string();
        assert!(error.contains("unknown attribute `kinds`; the attributes are kind, output"), "{error}");
    }
}
