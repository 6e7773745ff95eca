import assert from 'node:assert/strict'
import { test } from 'node:test'
import { withTestDb } from '#kernel/db/testing.ts'
import { createHttp } from '../http.ts'
import { seedTown } from '../seed/index.ts'

test('printable bills show every biller, or the one chosen', { timeout: 120_000 }, () =>
  withTestDb(async plain => {
    const kernel = { ...plain, config: { ...plain.config, sandbox: true } }
    await seedTown(kernel, 1, { size: 'small', seed: 'demo' })
    const server = await createHttp({ kernel, tenant: { id: 1, name: { 'zh-CN': '梧桐里', en: 'Wutongli' }, phone: '', address: '' } })
    try {
      const titles = async (url: string) => {
        const { statusCode, body } = await server.inject({ url, headers: { 'accept-language': 'zh-CN' } })
        assert.equal(statusCode, 200)
        return new Set([...body.matchAll(/<h2>(\p{Script=Han}+)/gu)].map(([, service]) => service))
      }
      assert.equal((await titles('/demo/bills')).size, 6)
      assert.deepEqual([...(await titles('/demo/bills?biller=power'))], ['电费'])
      assert.equal((await titles('/demo/bills?biller=nobody')).size, 6)
    } finally {
      await server.close()
    }
  }),
)
