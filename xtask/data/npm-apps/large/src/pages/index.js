import * as React from "react";
import { graphql } from "gatsby";
import { initializeApp } from "firebase/app";

const app = initializeApp({ projectId: "a-page" });

export default function Page({ data }) {
  return (
    <main>
      {app.options.projectId} has {data.allFile.totalCount} files
    </main>
  );
}

export const query = graphql`
  {
    allFile {
      totalCount
    }
  }
`;
