import assert from 'node:assert/strict'
import { test } from 'node:test'
import pg from 'pg'
import { withTestDb } from '#kernel/db/testing.ts'
import { personalColumns } from '../../src/app/personal/index.ts'
import { checkPersonal, looksPersonal } from '../personal.ts'

test('a new column that looks personal, an open one of level 3 and an entry without its column are found', async () => {
  await withTestDb(async kernel => {
    const client = new pg.Client({ connectionString: kernel.owner })
    await client.connect()
    try {
      assert.deepEqual((await checkPersonal(client)).faults, [])
      await client.query(`
        alter table identity.person add column birthday date, add column wechat_openid text;
        alter table billing.account add column contact_phone text;
        create schema planted;
        create table planted.visit (tenant_id integer, id uuid, visitor_name text, purpose text, seats integer);`)
      const { faults } = await checkPersonal(client, [
        ...personalColumns,
        { table: 'planted.visit', columns: 'visitor_name gone', class: 'name', level: 3, purpose: 'a test', kept: 'no time' },
      ])
      assert.deepEqual(faults.sort(), [
        'billing.account.contact_phone: looks personal; say what it is in src/app/personal',
        'identity.person.birthday: looks personal; say what it is in src/app/personal',
        'identity.person.wechat_openid: looks personal; say what it is in src/app/personal',
        'planted.visit.gone: in the catalogue and not in the database',
        'planted.visit.visitor_name: level 3 and text, not encrypted',
      ])
    } finally {
      await client.end()
    }
  })
})

test('names of people, numbers and sealed values are recognised, plain facts are not', () => {
  for (const column of ['name', 'holder_mask', 'id_number', 'to_blind', 'client_ip', 'phone', 'home_address', 'openid', 'body'])
    assert.equal(looksPersonal(column), true, column)
  for (const column of ['amount_fen', 'opened_at', 'state', 'tries', 'biller_id', 'unit', 'shipping', 'namespace'])
    assert.equal(looksPersonal(column), false, column)
})
