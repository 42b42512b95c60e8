//! Renders the image of a text into the folder for temporary files: `cargo run --example image hello_world`.

use std::env;
use std::error::Error;
use std::fs;
use std::ops::ControlFlow;

use longshore_demo::{Text, id_of, render};

fn main() -> Result<(), Box<dyn Error>> {
    let text = env::args().nth(1).unwrap_or_else(|| "hello_world".to_owned());
    let gif = render(&Text::parse(&text)?, &mut |_| ControlFlow::Continue(()));
    let path = env::temp_dir().join(id_of(&text)).with_extension("gif");
    fs::write(&path, gif.expect("nobody stopped it"))?;
    println!("{}", path.display());
    Ok(())
}
