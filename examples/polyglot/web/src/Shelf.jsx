import { useEffect, useState } from "react";

/** The books of the service. */
export function Shelf() {
  const [books, setBooks] = useState([]);
  useEffect(() => {
    let current = true;
    fetch("/api/books")
      .then((reply) => reply.json())
      .then((found) => current && setBooks(found));
    return () => {
      current = false;
    };
  }, []);
  return (
    <main>
      <h1>Shelf</h1>
      <ul>
        {books.map((book) => (
          <li key={book.title}>
            {book.title}, {book.pages} pages
          </li>
        ))}
      </ul>
    </main>
  );
}
