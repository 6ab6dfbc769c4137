//! What is said for some calls and not for a method.

use diesel_manifold::{Consistency, Policy, Reason, prelude::*, routes};
use manifold_tests::{Shop, World};

#[tokio::test]
async fn a_repository_with_another_policy_shares_all_but_its_handle() {
    let world = World::new();
    let shop = world.shop().await;
    assert_eq!(title(&shop, 1).await, "Kind of Blue");
    let other = shop.with(Consistency::Eventual);
    assert_eq!(title(&other, 1).await, "Kind of Blue");
    assert_eq!(shop.loads(), 1, "the answer was in the L1 of both");
    title(&other, 2).await;
    assert_eq!(shop.loads(), 2, "both count in one place");
    other.rename(1, "Blue in Green").await.unwrap();
    assert_eq!(title(&shop, 1).await, "Blue in Green");
}

#[tokio::test]
async fn the_policy_given_last_is_the_handles_and_the_first_handle_keeps_its_own() {
    let world = World::new();
    let shop = world.shop().await;
    let strong = shop.with(Consistency::Strong);
    assert_eq!(reason(&strong).await, Reason::Strong);
    assert_eq!(reason(&strong.with(Policy::new())).await, Reason::Balanced);
    assert_eq!(reason(&shop).await, Reason::Balanced);
}

async fn title(shop: &Shop, id: i32) -> String {
    shop.by_id(id).await.unwrap().unwrap().title.clone()
}

async fn reason(shop: &Shop) -> Reason {
    let (titles, seen) = routes(shop.titles()).await;
    titles.unwrap();
    seen[0].reason
}
