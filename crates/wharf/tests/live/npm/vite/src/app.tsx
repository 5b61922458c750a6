export function App() { return <h1>Hello Wharf</h1>; }
