import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { z } from 'zod'
import { ConfigError } from '#kernel/config.ts'
import { type Kernel, systemCtx } from '#kernel/context.ts'
import { registerBiller } from '#modules/billing/index.ts'
import { smsGateway, useMessenger } from '#modules/notify/index.ts'
import {
  alipayChannel,
  debitBank,
  ensureBankAccount,
  ensureMerchant,
  useChannel,
  useDebitBank,
  wechatChannel,
} from '#modules/payments/index.ts'
import { billerFileSchema, billerOf } from './biller-file.ts'

const text = z.string().min(1)
const url = z.url({ protocol: /^https?$/ })

const schema = z.strictObject({
  tenant: z.strictObject({ code: z.string().regex(/^\d{9}$/), name_zh: text, name_en: text, phone: text, address: text }),
  wechat: z
    .strictObject({
      mchid: text,
      appid: text,
      api_v3_key: z.string().length(32),
      merchant_serial: text,
      merchant_private_key_file: text,
      platform_keys: z.array(z.strictObject({ serial: text, file: text })).min(1),
      app_secret: text.optional(),
      mini: z.strictObject({ appid: text, secret: text }).optional(),
      base_url: url.default('https://api.mch.weixin.qq.com'),
    })
    .optional(),
  alipay: z
    .strictObject({
      app_id: text,
      seller_id: text,
      app_private_key_file: text,
      alipay_public_key_files: z.array(text).min(1),
      gateway_url: url.default('https://openapi.alipay.com/gateway.do'),
    })
    .optional(),
  sms: z
    .strictObject({ client_id: text, secret: text, base_url: url, template_ids: z.record(z.string(), z.string()).optional() })
    .optional(),
  bank_account: z.strictObject({ code: z.string().regex(/^[a-z][a-z0-9]{1,11}$/), held_by: z.enum(['bank', 'own']) }).optional(),
  bank: z.strictObject({ code: z.string().regex(/^[a-z][a-z0-9]{1,11}$/), client_id: text, secret: text, base_url: url }).optional(),
  billers: z.array(text).default([]),
})

export interface Settings extends z.infer<typeof schema> {
  /** Folder the files named in it are relative to. */
  readonly folder: string
}

/**
 * Who we are and whom we are connected to: `settings.json` in the data folder. Undefined when there is none. Throws
 * ConfigError with the field or file that is wrong.
 */
export function readSettings(dataDir: string): Settings | undefined {
  const file = join(dataDir, 'settings.json')
  return existsSync(file) ? { ...parse(file, schema), folder: dirname(file) } : undefined
}

/** Billers of the settings: they are as their own files say at every start. */
export function declaredBillers(dataDir: string): string[] {
  const settings = readSettings(dataDir)
  return settings ? settings.billers.map(file => parse(resolve(settings.folder, file), billerFileSchema).id) : []
}

/** Makes the settings hold: billers registered or renewed, channels and the gateway in use. With the sandbox on, its stand-ins stay in use. */
export async function applySettings(kernel: Kernel, tenantId: number, settings: Settings): Promise<void> {
  const ctx = systemCtx(kernel, tenantId, 'settings')
  for (const file of settings.billers) {
    const biller = billerOf(parse(resolve(settings.folder, file), billerFileSchema))
    const registered = await registerBiller(ctx, biller)
    if (!registered.ok) throw new ConfigError(`${file}: ${registered.error.code} ${JSON.stringify(registered.error.params ?? {})}`)
  }
  if (settings.bank_account) await ensureBankAccount(ctx, settings.bank_account.code, settings.bank_account.held_by)
  if (kernel.config.sandbox) return
  const key = (file: string): string => read(resolve(settings.folder, file))
  const { wechat, alipay, sms, bank } = settings
  if (wechat) {
    await ensureMerchant(ctx, 'wechat', wechat.mchid)
    const channel = opened('wechat', () =>
      wechatChannel({
        mchid: wechat.mchid,
        appid: wechat.appid,
        apiV3Key: wechat.api_v3_key,
        merchantSerial: wechat.merchant_serial,
        merchantPrivateKeyPem: key(wechat.merchant_private_key_file),
        platformKeys: wechat.platform_keys.map(({ serial, file }) => ({ serial, publicKeyPem: key(file) })),
        baseUrl: wechat.base_url,
        ...(wechat.app_secret && { appSecret: wechat.app_secret }),
        ...(wechat.mini && { mini: wechat.mini }),
      }),
    )
    useChannel(tenantId, channel)
  }
  if (alipay) {
    await ensureMerchant(ctx, 'alipay', alipay.seller_id)
    const channel = opened('alipay', () =>
      alipayChannel({
        appId: alipay.app_id,
        sellerId: alipay.seller_id,
        appPrivateKeyPem: key(alipay.app_private_key_file),
        alipayPublicKeyPems: alipay.alipay_public_key_files.map(key),
        gatewayUrl: alipay.gateway_url,
      }),
    )
    useChannel(tenantId, channel)
  }
  if (bank) {
    const { code, client_id: clientId, secret, base_url: baseUrl } = bank
    useDebitBank(tenantId, debitBank({ code, clientId, secret, baseUrl }, kernel.clock))
  }
  if (sms) {
    const config = { clientId: sms.client_id, secret: sms.secret, baseUrl: sms.base_url }
    useMessenger(kernel, 'sms', smsGateway({ ...config, ...(sms.template_ids && { templateIds: sms.template_ids }) }, kernel.clock))
  }
}

function opened<T>(name: string, open: () => T): T {
  try {
    return open()
  } catch (error) {
    if (error instanceof ConfigError) throw error
    throw new ConfigError(`settings.json: ${name}: ${error instanceof Error ? error.message : String(error)}`)
  }
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    throw new ConfigError(`${file} cannot be read`)
  }
}

function parse<S extends z.ZodType>(file: string, shape: S): z.infer<S> {
  let json: unknown
  try {
    json = JSON.parse(read(file))
  } catch (error) {
    if (error instanceof ConfigError) throw error
    throw new ConfigError(`${file} is not JSON: ${error instanceof Error ? error.message : ''}`)
  }
  const parsed = shape.safeParse(json)
  if (parsed.success) return parsed.data
  const lines = parsed.error.issues.map(issue => `  ${issue.path.join('.') || '(all of it)'}: ${issue.message}`)
  throw new ConfigError(`${file} is not usable:\n${lines.join('\n')}`)
}
