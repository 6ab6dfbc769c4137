//! TLS to PostgreSQL and Redis, with servers that really speak it, or do not.

mod certificates;
mod journeys;
mod modes;
mod redis;
mod refusals;
mod roots;
mod secrets;
mod site;
