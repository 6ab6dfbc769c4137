use diesel_manifold::CacheKey;

#[derive(CacheKey)]
union Number {
    whole: i32,
    bits: u32,
}

fn main() {}
