import assert from 'node:assert/strict'
import { test } from 'node:test'
import pg from 'pg'
import { withTestDb } from '#kernel/db/testing.ts'
import { checkShardable } from '../shardable.ts'

test('each thing that keeps a table on one machine is found, and nothing else is', async () => {
  await withTestDb(async kernel => {
    const client = new pg.Client({ connectionString: kernel.owner })
    await client.connect()
    try {
      const before = (await checkShardable(client)).faults
      await client.query(`
        create schema planted;
        create table planted.good (tenant_id integer, id uuid, at timestamptz, primary key (tenant_id, id));
        alter table planted.good enable row level security;
        alter table planted.good force row level security;
        create policy good_tenant on planted.good using (tenant_id = (select nullif(current_setting('yimen.tenant_id', true), '')::integer));
        create table planted.open (tenant_id integer, id uuid, primary key (tenant_id, id));
        comment on table planted.open is 'its policy lets everybody in';
        alter table planted.open enable row level security;
        alter table planted.open force row level security;
        create policy open_all on planted.open using (true);
        comment on table planted.good is 'fine';
        create table planted.shared (id integer primary key);
        comment on table planted.shared is 'reference: small';
        create table planted.bad (id uuid primary key, tenant_id integer, shared_id integer references planted.shared, at timestamptz default now());
        create unique index bad_lower on planted.bad (lower(id::text));
        create table planted.child (tenant_id integer, id uuid, bad_id uuid references planted.bad (id), primary key (tenant_id, id));
        comment on table planted.child is 'points without tenant';
        create table planted.keyless (tenant_id integer);
        comment on table planted.keyless is 'no key';
        create function planted.f() returns trigger language plpgsql as 'begin return new; end';
        create trigger t before insert on planted.good for each row execute function planted.f();`)
      const found = (await checkShardable(client)).faults.filter(fault => !before.includes(fault)).sort()
      assert.deepEqual(found, [
        'planted.bad: computed default of at: now()',
        'planted.bad: key bad_lower starts with an expression, not tenant_id',
        'planted.bad: key bad_pkey starts with id, not tenant_id',
        'planted.bad: no comment',
        'planted.bad: row security is not forced',
        'planted.child: foreign key child_bad_id_fkey starts with bad_id, not tenant_id',
        'planted.child: row security is not forced',
        'planted.good: trigger t',
        'planted.keyless: no primary key',
        'planted.keyless: row security is not forced',
        'planted.open: no policy keeps it to yimen.tenant_id',
      ])
    } finally {
      await client.end()
    }
  })
})
