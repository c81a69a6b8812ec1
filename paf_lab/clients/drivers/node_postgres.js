"use strict";

// Sessions of node-postgres: node_postgres.js CLIENT WRITERS READERS
//
// CLIENT: prefix of the names in the table. WRITERS, READERS: connection URLs; three sessions, two
// of them write. Prints a JSON object for each transaction, and ends when its input is closed.

const { Client, DatabaseError } = require("pg");

const THINK = 20, PAUSE = 100; // ms inside a transaction, and between two
const [name, writers, readers] = process.argv.slice(2);
let ending = false;

const rest = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

async function transaction(client, session, number, writes) {
  const first = writes
    ? "INSERT INTO drill.writes (client, sequence) VALUES ($1, $2)"
    : "SELECT 1 WHERE $1 <> '' AND $2 > 0";
  await client.query("BEGIN");
  await client.query(first, [`${name}/${session}`, number]);
  await rest(THINK);
  await client.query("SELECT pg_is_in_recovery()");
  await client.query("COMMIT");
}

async function work(session, writes, connectionString) {
  let client = null;
  for (let number = 1; !ending; number++) {
    const record = { session, writes, number, new: client === null, start: Date.now() / 1e3 };
    let error = null, sqlstate = null;
    try {
      if (client === null) {
        client = new Client({ connectionString });
        // Without a handler, the end of an idle session ends the whole program.
        client.on("error", () => {});
        await client.connect();
      }
      await transaction(client, session, number, writes);
    } catch (failure) {
      error = String(failure.message).split("\n")[0];
      // The codes of the operating system (EPIPE) are in the same field.
      sqlstate = failure instanceof DatabaseError ? failure.code : null;
      client.end().catch(() => {});
      client = null;
    }
    console.log(JSON.stringify({ ...record, end: Date.now() / 1e3, error, sqlstate }));
    await rest(PAUSE);
  }
}

[writers, writers, readers].forEach((target, place) => work(place + 1, place < 2, target));
process.stdin.resume();
process.stdin.on("end", () => {
  ending = true;
  setTimeout(() => process.exit(0), 1000); // for the transactions that are under way
});
