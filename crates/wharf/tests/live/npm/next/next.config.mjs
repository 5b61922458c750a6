export default { turbopack: {} };
