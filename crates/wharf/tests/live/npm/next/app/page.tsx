export default function Page() { return <h1 className="text-3xl">Hello Wharf</h1>; }
