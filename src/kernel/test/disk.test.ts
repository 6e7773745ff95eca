import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connect, DiskFull, databaseFailure, sql } from '../db/index.ts'
import { withTestDb } from '../db/testing.ts'

test('on a full disk writing is refused before the server is asked, reading goes on, and writing begins again', () =>
  withTestDb(async kernel => {
    let isFull = false
    const db = connect(kernel.connections.app, { max: 2, isDiskFull: () => isFull })
    const write = () => db.tx(1, tx => tx.one<{ n: number }>(sql`select 1 as n`))
    const read = () => db.read(1, tx => tx.one<{ n: number }>(sql`select 2 as n`))
    try {
      assert.equal((await write()).n, 1)
      isFull = true
      await assert.rejects(write(), error => error instanceof DiskFull && databaseFailure(error)?.code === 'database.disk_full')
      await assert.rejects(db.statement('one', 'select 1', []), DiskFull)
      assert.equal((await read()).n, 2)
      isFull = false
      assert.equal((await write()).n, 1)
    } finally {
      await db.close()
    }
  }))
