import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import type { EmbeddedServer } from '#kernel/db/embedded.ts'

/** Hand-written floors without keys to other tables, checks or tenants; ids are numbers. Nothing a product needs is in them. */
export const FLOOR_TABLES = `
create schema floor;
create table floor.f_order (id bigint primary key, state smallint not null, paid_at timestamptz, paid_fen bigint not null default 0, version integer not null) with (fillfactor = 50);
create table floor.f_attempt (id bigint primary key, state smallint not null, txn_no text, succeeded_at timestamptz) with (fillfactor = 50);
create table floor.f_channel_txn (channel smallint not null, txn_no text not null, order_id bigint not null, amount_fen bigint not null, primary key (channel, txn_no));
create table floor.f_journal (id bigint primary key, code smallint not null, ref bigint not null, effective_at timestamptz not null, unique (code, ref));
create table floor.f_entry (journal_id bigint not null, account_id bigint not null, amount_fen bigint not null);
create table floor.f_pending (id bigint generated always as identity primary key, entry jsonb not null);
grant usage on schema floor to yimen_app;
grant all on all tables in schema floor to yimen_app;
grant all on all sequences in schema floor to yimen_app;`

const FLOOR4 = `
with u as (update floor.f_order set state = 2, paid_at = $2, version = version + 1 where id = $1 and state = 1),
     c as (insert into floor.f_channel_txn(channel, txn_no, order_id, amount_fen) values (1, $3, $1, $4))
insert into floor.f_entry(journal_id, account_id, amount_fen) values ($1, $5, $4), ($1, $6, -$4)`

const FLOOR7 = `
with a as (update floor.f_attempt set state = 5, txn_no = $3, succeeded_at = $2 where id = $1),
     u as (update floor.f_order set state = 2, paid_fen = $4, version = version + 1 where id = $1),
     c as (insert into floor.f_channel_txn(channel, txn_no, order_id, amount_fen) values (1, $3, $1, $4)),
     j as (insert into floor.f_journal(id, code, ref, effective_at) values ($1, 1, $1, $2)),
     p as (insert into floor.f_pending(entry) values ($7))
insert into floor.f_entry(journal_id, account_id, amount_fen) values ($1, $5, $4), ($1, $6, -$4)`

const ENTRY = JSON.stringify({
  attempt: '0198c0de-0000-7000-8000-000000000000',
  channel: 'wechat',
  txn: '4200002026112200000000000001',
  amount_fen: 12_345,
  accounts: [1, 2],
  amounts: [12_345, -12_345],
})

export const fillFloor = async (pool: pg.Pool, from: number, to: number): Promise<void> => {
  await pool.query(`insert into floor.f_order (id, state, version) select i, 1, 1 from generate_series($1::bigint, $2::bigint) i`, [
    from,
    to,
  ])
  await pool.query(`insert into floor.f_attempt (id, state) select i, 3 from generate_series($1::bigint, $2::bigint) i`, [from, to])
}

const txnOf = (id: number) => `42000020261122${String(id).padStart(14, '0')}`

/** The driver's pool, or a set of its connections that send the next statement before the last was answered. */
export interface Lane {
  query(statement: pg.QueryConfig): Promise<unknown>
}

/** Connections with several statements under way each; every caller keeps to one. */
export async function openLanes(url: string, count: number): Promise<{ of(client: number): Lane; end(): Promise<void> }> {
  const clients = Array.from({ length: count }, () => new pg.Client({ connectionString: url, pipeline: true } as pg.ClientConfig))
  await Promise.all(clients.map(client => client.connect()))
  return {
    of: client => clients[client % count]!,
    end: async () => void (await Promise.all(clients.map(client => client.end()))),
  }
}

export const floor4 = (lane: Lane, id: number) =>
  lane.query({ name: 'floor4', text: FLOOR4, values: [String(id), new Date().toISOString(), txnOf(id), '12345', '1', '2'] })
export const floor7 = (lane: Lane, id: number) =>
  lane.query({ name: 'floor7', text: FLOOR7, values: [String(id), new Date().toISOString(), txnOf(id), '12345', '1', '2', ENTRY] })

const SECONDS = 3
const IDS_A_CLIENT = 10_000

/** The same statements through pgbench, whose clients cost next to nothing; one line a floor, or why not. */
export async function pgbenchFloors(server: EmbeddedServer, pool: pg.Pool, firstId: number): Promise<string[]> {
  if (spawnSync('pgbench', ['--version']).error) return ['pgbench: not installed, not run']
  const url = new URL(server.connections.app)
  const folder = mkdtempSync(join(tmpdir(), 'yimen-pgbench-'))
  const lines: string[] = []
  let from = firstId
  for (const [name, text, clients] of [
    ['floor4', FLOOR4, 64],
    ['floor7', FLOOR7, 32],
  ] as const) {
    await fillFloor(pool, from, from + clients * IDS_A_CLIENT)
    const values = [':id::bigint', ':at::timestamptz', "'42' || :id", ':fen::bigint', '1', '2', ':entry::jsonb']
    const script = `\\set n :n + 1\n\\set id ${from} + :client_id * ${IDS_A_CLIENT} + :n\n${values.reduce((sql, value, i) => sql.replaceAll(`$${i + 1}`, value), text).replaceAll('\n', ' ')};\n`
    const file = join(folder, `${name}.sql`)
    writeFileSync(file, script)
    const given = ['n=0', `at=${new Date().toISOString()}`, 'fen=12345', `entry=${ENTRY}`].flatMap(pair => ['-D', pair])
    const run = ['-n', '-M', 'prepared', '-c', String(clients), '-j', '2', '-T', String(SECONDS), ...given, '-f', file]
    const done = spawnSync(
      'pgbench',
      [...run, '-h', url.searchParams.get('host') ?? url.hostname, '-U', url.username, url.pathname.slice(1)],
      {
        env: { ...process.env, PGPASSWORD: decodeURIComponent(url.password) },
        encoding: 'utf8',
      },
    )
    const rate = /tps = ([\d.]+)/.exec(done.stdout)?.[1]
    lines.push(
      rate
        ? `${name} through pgbench, ${clients} clients: ${Math.round(Number(rate))} per second`
        : `${name} through pgbench: ${done.stderr.trim().split('\n').at(-1)}`,
    )
    from += clients * IDS_A_CLIENT + 1
  }
  rmSync(folder, { recursive: true, force: true })
  return lines
}
