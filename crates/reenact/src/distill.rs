//! distill

pub mod evidence;
pub mod model;
mod quote;
mod slug;
pub mod values;
