import { z } from "zod";
export const s2 = z.string();
import { name_core } from "@mono/core";
import { name_db } from "@mono/db";
import { name_log } from "@mono/log";
export const name_api: string = ["api", name_core, name_db, name_log].join("+");
