use diesel_manifold::CacheKey;

#[derive(CacheKey)]
struct Filter {
    year: i32,
    rating: Option<f64>,
}

#[derive(CacheKey)]
enum Near {
    Point(f32, f32),
}

fn main() {}
