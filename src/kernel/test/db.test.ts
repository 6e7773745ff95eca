import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sql } from '../db/index.ts'
import { withTestDb } from '../db/testing.ts'

test('a transaction knows its tenant and rolls back on a throw', () =>
  withTestDb(async ({ db }) => {
    const seen = await db.tx(7, tx => tx.one<{ t: string }>(sql`select current_setting('yimen.tenant_id') as t`))
    assert.equal(seen.t, '7')
    await assert.rejects(db.read(7, tx => tx.run(sql`create table x()`)))
  }))
