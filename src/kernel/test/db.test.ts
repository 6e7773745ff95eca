import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connect, sql } from '../db/index.ts'
import { withTestDb } from '../db/testing.ts'

test('a transaction knows its tenant and rolls back on a throw', () =>
  withTestDb(async ({ db }) => {
    const seen = await db.tx(7, tx => tx.one<{ t: string }>(sql`select current_setting('yimen.tenant_id') as t`))
    assert.equal(seen.t, '7')
    await assert.rejects(db.read(7, tx => tx.run(sql`create table x()`)))
  }))

test('two that lock the same rows crosswise both come through, as statements and as transactions', () =>
  withTestDb(async ({ db, connections }) => {
    const owner = connect(connections.migrator, { max: 1 })
    for (const text of [
      'create table public.crossed (id integer primary key, n integer not null)',
      'insert into public.crossed values (1, 0), (2, 0)',
      `create function public.add_to(first integer, second integer) returns void language plpgsql as $$ begin
        update public.crossed set n = n + 1 where id = first; perform pg_sleep(0.3); update public.crossed set n = n + 1 where id = second; end $$`,
      'grant select, update on public.crossed to yimen_app',
    ])
      await owner.pool.query(text)
    await owner.close()
    const cross = (act: (first: number, second: number) => Promise<unknown>) => Promise.all([act(1, 2), act(2, 1)])
    const began = performance.now()
    await cross((first, second) => db.statement('test_cross', 'select public.add_to($1, $2)', [first, second]))
    await cross((first, second) => db.tx(1, tx => tx.run(sql`select public.add_to(${first}, ${second})`)))
    const { rows } = await db.pool.query('select n from public.crossed order by id')
    assert.deepEqual(rows, [{ n: 4 }, { n: 4 }])
    // A second is what the server waits before it looks for a ring; one after the other would have taken 1.2 s in all.
    assert.ok(performance.now() - began > 2_000, 'the two really met, both times')
  }))
