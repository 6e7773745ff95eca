import type pg from 'pg'

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

export const floor4 = (pool: pg.Pool, id: number) =>
  pool.query({ name: 'floor4', text: FLOOR4, values: [id, new Date(), txnOf(id), 12_345, 1, 2] })
export const floor7 = (pool: pg.Pool, id: number) =>
  pool.query({ name: 'floor7', text: FLOOR7, values: [id, new Date(), txnOf(id), 12_345, 1, 2, ENTRY] })
