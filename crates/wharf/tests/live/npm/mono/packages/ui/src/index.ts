import { version } from "react";
export const uiReact: string = version;
import { name_core } from "@mono/core";
import { name_types } from "@mono/types";
export const name_ui: string = ["ui", name_core, name_types].join("+");
