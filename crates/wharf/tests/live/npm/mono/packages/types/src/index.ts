
export const name_types: string = ["types"].join("+");
