import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { Shelf } from "./Shelf.jsx";

createRoot(document.getElementById("root")).render(
  <StrictMode>
    <Shelf />
  </StrictMode>,
);
