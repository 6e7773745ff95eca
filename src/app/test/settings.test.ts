import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { ConfigError } from '#kernel/config.ts'
import { systemCtx } from '#kernel/context.ts'
import { withTestDb } from '#kernel/db/testing.ts'
import { listBillers } from '#modules/billing/index.ts'
import { listChannels } from '#modules/payments/index.ts'
import { makeWechatKeys } from '../../../sandbox/wechat/keys.ts'
import { billers } from '../seed/content.ts'
import { applySettings, readSettings } from '../settings.ts'

const TENANT_OF_ITS_OWN = 41

const tenant = { code: '990101009', name_zh: '桐荫街道', name_en: 'Tongyin Sub-district', phone: '0000 1234', address: '桐荫路 2 号' }

const withFolder = (work: (folder: string, write: (name: string, value: unknown) => void) => Promise<void>) => async () => {
  const folder = mkdtempSync(join(tmpdir(), 'yimen-settings-'))
  try {
    await work(folder, (name, value) => writeFileSync(join(folder, name), typeof value === 'string' ? value : JSON.stringify(value)))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

test(
  'an installation says who it is, which billers it serves and how it is paid, all in files',
  withFolder((folder, write) =>
    withTestDb(async kernel => {
      assert.equal(readSettings(folder), undefined)
      const { merchant } = makeWechatKeys(new Date())
      write('merchant.pem', merchant.merchantPrivateKeyPem)
      const platform = merchant.platformKeys.map(({ serial, publicKeyPem }, i) => {
        write(`platform-${i}.pem`, publicKeyPem)
        return { serial, file: `platform-${i}.pem` }
      })
      write('water.json', billers[0])
      const wechat = {
        mchid: merchant.mchid,
        appid: merchant.appid,
        api_v3_key: merchant.apiV3Key,
        merchant_serial: merchant.merchantSerial,
        merchant_private_key_file: 'merchant.pem',
        platform_keys: platform,
      }
      write('settings.json', { tenant, wechat, billers: ['water.json'] })
      const settings = readSettings(folder)!
      assert.equal(settings.wechat?.base_url, 'https://api.mch.weixin.qq.com')
      const production = { ...kernel, config: { ...kernel.config, sandbox: false } }
      await applySettings(production, TENANT_OF_ITS_OWN, settings)
      await applySettings(production, TENANT_OF_ITS_OWN, settings)
      assert.deepEqual(listChannels(TENANT_OF_ITS_OWN), ['wechat'])
      const known = await listBillers(systemCtx(kernel, TENANT_OF_ITS_OWN, 'test'))
      assert.deepEqual(
        known.map(biller => biller.id),
        ['water'],
      )

      const fault = async (change: () => void): Promise<string> => {
        change()
        try {
          await applySettings(production, TENANT_OF_ITS_OWN, readSettings(folder)!)
          return 'none'
        } catch (error) {
          assert.ok(error instanceof ConfigError, String(error))
          return error.message
        }
      }
      const withWechat = (part: object) => () => write('settings.json', { tenant, wechat: { ...wechat, ...part } })
      assert.match(await fault(() => write('settings.json', '{')), /settings\.json is not JSON/)
      assert.match(await fault(() => write('settings.json', { tenant: { ...tenant, code: '1' }, wechta: {} })), /tenant\.code[\s\S]*wechta/)
      assert.match(await fault(withWechat({ api_v3_key: 'short' })), /wechat\.api_v3_key/)
      assert.match(await fault(withWechat({ merchant_private_key_file: 'absent.pem' })), /absent\.pem cannot be read/)
      assert.match(await fault(withWechat({ merchant_private_key_file: 'water.json' })), /settings\.json: wechat: /)
      write('settings.json', { tenant, billers: ['water.json'] })
      assert.match(
        await fault(() => write('water.json', { ...billers[0], account: { pattern: '(' } })),
        /water\.json is not usable[\s\S]*account\.pattern/,
      )
      assert.match(await fault(() => write('water.json', { ...billers[0], mapping: { format: 'papyrus' } })), /mapping_malformed/)
    }),
  ),
)
