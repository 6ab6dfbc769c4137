//! What is said for some calls and not for a method.

use std::time::Duration;

use diesel_manifold::{Consistency, Policy, prelude::*};
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
    world.caught_up();
    assert_eq!(title(&shop, 1).await, "Blue in Green");
}

#[tokio::test]
async fn the_policy_given_last_is_the_handles_and_the_first_handle_keeps_its_own() {
    let world = World::new();
    let shop = world.shop().await;
    let before = policy(&shop);
    assert!(before.contains("None"), "{before}");
    let patient = Policy::new().wait(Duration::from_millis(7));
    let other = shop.with(Consistency::Strong).with(patient);
    let after = policy(&other);
    assert!(after.contains("Session"), "{after}");
    assert!(after.contains("7ms"), "{after}");
    assert_eq!(policy(&shop), before);
}

async fn title(shop: &Shop, id: i32) -> String {
    shop.by_id(id).await.unwrap().unwrap().title.clone()
}

/// What the handle of `shop` shows of its policy.
fn policy(shop: &Shop) -> String {
    let handle = format!("{:?}", shop.db());
    let at = handle.rfind("policy: ").unwrap();
    handle[at..].to_owned()
}
