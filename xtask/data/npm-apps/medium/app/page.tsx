"use client";
import * as Dialog from "@radix-ui/react-dialog";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import axios from "axios";
import { clsx } from "clsx";
import { format } from "date-fns";
import { useForm } from "react-hook-form";
import { z } from "zod";

const client = new QueryClient();
const Form = z.object({ day: z.string() });

export default function Page() {
  const { register } = useForm<z.infer<typeof Form>>();
  return (
    <QueryClientProvider client={client}>
      <Dialog.Root>
        <input className={clsx("p-4", axios.VERSION && "underline")} {...register("day")} />
        <p>{format(new Date(0), "yyyy")}</p>
      </Dialog.Root>
    </QueryClientProvider>
  );
}
