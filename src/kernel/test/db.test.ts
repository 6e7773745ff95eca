import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CommitUnknown, connect, sql } from '../db/index.ts'
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

test('statements sent behind one that could not be prepared are not harmed by it', () =>
  withTestDb(async ({ db, connections }) => {
    const owner = connect(connections.migrator, { max: 2 })
    await owner.pool.query('create table public.locked (n integer)')
    await owner.pool.query('grant select, insert on public.locked to yimen_app')
    // Preparing waits for the table; a cancelled one leaves those behind it without their statement.
    const holder = await owner.pool.connect()
    await holder.query('begin')
    await holder.query('lock public.locked in access exclusive mode')
    const many = Array.from({ length: 64 }, (_, i) => db.statement('test_insert', 'insert into public.locked values ($1)', [i]))
    const settled = Promise.allSettled(many)
    await new Promise(resolve => setTimeout(resolve, 300))
    await db.pool.query(
      `select pg_cancel_backend(pid) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`,
    )
    await holder.query('rollback')
    holder.release()
    const failed = (await settled).flatMap(outcome => (outcome.status === 'rejected' ? [outcome.reason.code] : []))
    assert.ok(failed.length > 0, 'some were cancelled')
    assert.ok(
      failed.every(code => code === '57014'),
      failed.join(),
    )
    const { rows } = await db.pool.query('select count(*)::integer as n from public.locked')
    assert.deepEqual(rows, [{ n: 64 - failed.length }])
    await owner.close()
  }))

test('a lane whose server process is frozen is given up: its callers are told, the next are served', () =>
  withTestDb(async ({ connections }) => {
    const db = connect(connections.app, { max: 2, silence_ms_max: 400 })
    try {
      const [{ pid } = { pid: 0 }] = (await db.statement<{ pid: number }>('test_pid', 'select pg_backend_pid() as pid', [])).rows
      process.kill(pid, 'SIGSTOP')
      const began = performance.now()
      try {
        await assert.rejects(db.statement('test_pid', 'select pg_backend_pid() as pid', []), CommitUnknown)
        assert.ok(performance.now() - began < 2_000)
        assert.equal((await db.statement('test_one', 'select 1 as one', [])).count, 1)
      } finally {
        process.kill(pid, 'SIGCONT')
      }
    } finally {
      await db.close()
    }
  }))
