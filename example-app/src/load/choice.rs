//! What a reader or a writer does next. Only dice decide, never what was answered or how fast.

use super::arguments::Model;
use super::dice::{Dice, Place};

/// A call to be made.
#[derive(Debug, Clone, PartialEq)]
pub enum Choice {
    PostPage(Place),
    Post(Place),
    Publish {
        title: String,
        body: String,
    },
    Comment {
        on: Place,
        author: String,
        body: String,
    },
    Edit {
        post: Place,
        title: String,
    },
    AlbumPage(Place),
    Album(Place),
    Create {
        title: String,
        artist: String,
        songs: Vec<String>,
    },
    Rename {
        album: Place,
        title: String,
    },
}

/// A kind of call: the method, named as the library names it in its log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    PostPage,
    Post,
    Publish,
    Comment,
    Edit,
    AlbumPage,
    Album,
    Create,
    Rename,
}

impl Kind {
    /// Those of a model, its reads first.
    pub const fn of(model: Model) -> &'static [Self] {
        match model {
            Model::Blog => &[
                Self::PostPage,
                Self::Post,
                Self::Publish,
                Self::Comment,
                Self::Edit,
            ],
            Model::Albums => &[Self::AlbumPage, Self::Album, Self::Create, Self::Rename],
        }
    }

    pub const fn name(self) -> &'static str {
        match self {
            Self::PostPage => "Posts::page_with_comments",
            Self::Post => "Posts::by_id",
            Self::Publish => "Posts::publish",
            Self::Comment => "Comments::add",
            Self::Edit => "Posts::edit",
            Self::AlbumPage => "Albums::page",
            Self::Album => "Albums::by_id",
            Self::Create => "Albums::create",
            Self::Rename => "Albums::change",
        }
    }

    /// Whether it is the readers'.
    pub const fn reads(self) -> bool {
        matches!(
            self,
            Self::PostPage | Self::Post | Self::AlbumPage | Self::Album
        )
    }
}

impl Choice {
    /// A reader's next call: of posts mostly pages, of albums mostly single ones.
    pub fn read(model: Model, dice: &mut Dice) -> Self {
        match model {
            Model::Blog if dice.percent(80) => Self::PostPage(dice.anywhere()),
            Model::Blog => Self::Post(dice.popular()),
            Model::Albums if dice.percent(20) => Self::AlbumPage(dice.anywhere()),
            Model::Albums => Self::Album(dice.popular()),
        }
    }

    /// A writer's next call.
    pub fn write(model: Model, dice: &mut Dice) -> Self {
        match (model, dice.between(0, 9)) {
            (Model::Blog, 0..=2) => Self::Publish {
                title: dice.text(4),
                body: text(dice, 40, 160),
            },
            (Model::Blog, 3..=8) => Self::Comment {
                on: dice.anywhere(),
                author: dice.text(1),
                body: text(dice, 5, 40),
            },
            (Model::Blog, _) => Self::Edit {
                post: dice.popular(),
                title: dice.text(4),
            },
            (Model::Albums, 0..=4) => {
                let songs = dice.between(5, 15);
                Self::Create {
                    title: dice.text(3),
                    artist: dice.text(2),
                    songs: (0..songs).map(|_| dice.text(3)).collect(),
                }
            }
            (Model::Albums, _) => Self::Rename {
                album: dice.popular(),
                title: dice.text(3),
            },
        }
    }

    pub const fn kind(&self) -> Kind {
        match self {
            Self::PostPage(_) => Kind::PostPage,
            Self::Post(_) => Kind::Post,
            Self::Publish { .. } => Kind::Publish,
            Self::Comment { .. } => Kind::Comment,
            Self::Edit { .. } => Kind::Edit,
            Self::AlbumPage(_) => Kind::AlbumPage,
            Self::Album(_) => Kind::Album,
            Self::Create { .. } => Kind::Create,
            Self::Rename { .. } => Kind::Rename,
        }
    }
}

/// A text of `least` to `most` words.
fn text(dice: &mut Dice, least: u32, most: u32) -> String {
    let words = dice.between(least, most);
    dice.text(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What each of three workers does first.
    fn choices(seed: u64, model: Model, next: fn(Model, &mut Dice) -> Choice) -> Vec<Vec<Choice>> {
        let first = |mut dice: Dice| (0..200).map(|_| next(model, &mut dice)).collect();
        Dice::of(seed, 3).map(first).collect()
    }

    #[test]
    fn the_same_seed_makes_the_same_choices_and_another_makes_others() {
        for model in [Model::Blog, Model::Albums] {
            for next in [Choice::read, Choice::write] {
                let seven = choices(7, model, next);
                assert_eq!(seven, choices(7, model, next));
                assert_ne!(seven, choices(8, model, next));
                assert_ne!(seven[0], seven[1], "workers choose for themselves");
            }
        }
    }

    #[test]
    fn every_kind_of_call_is_chosen_and_no_reader_writes() {
        for model in [Model::Blog, Model::Albums] {
            for (next, reads) in [
                (Choice::read as fn(_, &mut _) -> _, true),
                (Choice::write, false),
            ] {
                let mut chosen: Vec<Kind> = choices(1, model, next)
                    .iter()
                    .flatten()
                    .map(Choice::kind)
                    .collect();
                chosen.sort_unstable();
                chosen.dedup();
                let expected = Kind::of(model)
                    .iter()
                    .copied()
                    .filter(|kind| kind.reads() == reads);
                assert_eq!(chosen, expected.collect::<Vec<_>>());
            }
        }
    }
}
