import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemCtx } from '#kernel/context.ts'
import { queryIn, withTestDb } from '#kernel/db/testing.ts'
import { unwrap } from '#kernel/result.ts'
import { ensureClient } from '../index.ts'
import { registerWater } from './import-support.ts'

test('without a tenant, or as another, the application sees and changes no row of billing', () =>
  withTestDb(async kernel => {
    await registerWater(kernel)
    unwrap(
      await ensureClient(systemCtx(kernel, 1, 'test'), {
        billerId: 'water',
        purpose: 'push',
        clientId: 'water-it',
        secret: 'a secret made for this test',
      }),
    )
    const count = 'select (select count(*)::int from billing.biller) + (select count(*)::int from billing.client) as n'
    assert.equal((await queryIn(kernel, count)).rows[0].n, 2)
    assert.equal((await queryIn(kernel, count, [], 2)).rows[0].n, 0)
    assert.equal((await kernel.db.pool.query(count)).rows[0].n, 0)
    assert.equal((await queryIn(kernel, 'update billing.biller set is_online = false where tenant_id = 1', [], 2)).rowCount, 0)
    await assert.rejects(
      queryIn(kernel, `insert into billing.receipt_counter (tenant_id, day, last) values (1, '2026-11-22', 0)`, [], 2),
      /row-level security/,
    )
  }))
