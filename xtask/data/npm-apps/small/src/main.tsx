import { createRoot } from "react-dom/client";
import { BrowserRouter, Route, Routes } from "react-router-dom";
import { z } from "zod";

const Name = z.object({ name: z.string() });

function Page() {
  return <h1>Hello, {Name.parse({ name: "reader" }).name}</h1>;
}

createRoot(document.getElementById("root")!).render(
  <BrowserRouter>
    <Routes>
      <Route path="/" element={<Page />} />
    </Routes>
  </BrowserRouter>,
);
