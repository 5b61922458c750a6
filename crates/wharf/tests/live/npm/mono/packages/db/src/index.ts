import { nanoid } from "nanoid";
export const id: string = nanoid();
import { name_core } from "@mono/core";
import { name_log } from "@mono/log";
import { name_config } from "@mono/config";
export const name_db: string = ["db", name_core, name_log, name_config].join("+");
