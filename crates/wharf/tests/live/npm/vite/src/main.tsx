import { createRoot } from "react-dom/client";
import "@fontsource/inter";
import "./app.scss";
import { App } from "./app";
createRoot(document.getElementById("root")!).render(<App />);
