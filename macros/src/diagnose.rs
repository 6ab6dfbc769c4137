//! Collects what is wrong, so that every mistake of an impl is reported in one compilation.

use proc_macro2::TokenStream;
use quote::ToTokens;

/// The mistakes found so far.
#[derive(Default)]
pub struct Diagnosis {
    mistakes: Vec<syn::Error>,
}

impl Diagnosis {
    /// Notes a mistake at the tokens of `place`, all of them underlined.
    pub fn mistake(&mut self, place: impl ToTokens, message: impl std::fmt::Display) {
        self.mistakes.push(syn::Error::new_spanned(place, message));
    }

    /// Notes what a parser had to say.
    pub fn note(&mut self, error: syn::Error) {
        self.mistakes.push(error);
    }

    /// How many mistakes there are: equal before and after a check means that the check passed.
    pub fn count(&self) -> usize {
        self.mistakes.len()
    }

    /// `tokens`, and behind them a compiler error for each mistake.
    pub fn behind(self, mut tokens: TokenStream) -> TokenStream {
        tokens.extend(self.mistakes.iter().map(syn::Error::to_compile_error));
        tokens
    }
}
