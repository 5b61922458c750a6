import { version } from "react";
export const webReact: string = version;
import { name_ui } from "@mono/ui";
import { name_api } from "@mono/api";
export const name_web: string = ["web", name_ui, name_api].join("+");
import { uiReact } from "@mono/ui";
console.log(webReact.split(".")[0], uiReact.split(".")[0]);
