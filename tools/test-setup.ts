import { migrationFolders, startTestServer } from '../src/kernel/db/testing.ts'

let stop: (() => Promise<void>) | undefined

/** One throw-away PostgreSQL for the whole run; each test clones its migrated template. */
export async function globalSetup(): Promise<void> {
  const server = await startTestServer(await migrationFolders())
  stop = server.stop
  process.env.YIMEN_TEST_SERVER = JSON.stringify(server.shared)
}

export async function globalTeardown(): Promise<void> {
  await stop?.()
}
