import * as React from "react"; import { graphql } from "gatsby";
export default function Page({ data }) { return <main>Hello Wharf <div dangerouslySetInnerHTML={{ __html: data.allMarkdownRemark.nodes[0].html }} /></main>; }
export const query = graphql`{ allMarkdownRemark { nodes { html } } }`;
