//! Says how much there is to read: `shelf < books.json`.

use std::io::Read;
use std::process::ExitCode;

use shelf::Shelf;

fn main() -> ExitCode {
    let mut text = String::new();
    let shelf = std::io::stdin()
        .read_to_string(&mut text)
        .map_err(|error| error.to_string())
        .and_then(|_| Shelf::from_json(&text).map_err(|error| error.to_string()));
    match shelf {
        Ok(shelf) => {
            println!("{} books, {} pages", shelf.books.len(), shelf.pages());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("this is no shelf: {error}");
            ExitCode::FAILURE
        }
    }
}
