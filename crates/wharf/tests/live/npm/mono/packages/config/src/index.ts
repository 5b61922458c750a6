import { parse } from "yaml";
export const conf: unknown = parse("a: 1");
import { name_types } from "@mono/types";
export const name_config: string = ["config", name_types].join("+");
