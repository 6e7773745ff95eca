import { createPublicKey, randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { makeRsaPair, makeSecret, type PemPair, readJson, writeJson } from '../common/keys.ts'
import { selfSigned } from './certificate.ts'

/** What a merchant gets from the channel; stored as `wechat.json`. */
export interface WechatMerchantFile {
  mchid: string
  appid: string
  apiV3Key: string
  merchantSerial: string
  merchantPrivateKeyPem: string
  platformKeys: { serial: string; publicKeyPem: string }[]
  baseUrl: string
  appSecret: string
  /** The mini programme bound to the same merchant. */
  mini: { appid: string; secret: string }
  openUrl: string
  apiUrl: string
}

/** What only the channel has; stored as `wechat-platform.json`. */
export interface WechatPlatformFile {
  merchantPublicKeyPem: string
  certificate: PemPair & { serial: string; certificatePem: string; from: string; until: string }
  publicKey: PemPair & { serial: string }
}

export interface WechatKeyFiles {
  merchant: WechatMerchantFile
  platform: WechatPlatformFile
}

const TEN_YEARS_MS = 10 * 365 * 86_400_000
const digits = (count: number): string => Array.from(randomBytes(count), byte => byte % 10).join('')
/** A serial of 20 bytes whose first byte is positive and not zero. */
const makeSerial = (): string => `5${randomBytes(20).toString('hex').slice(1)}`.toUpperCase()

const makeMini = () => ({ appid: `wx${randomBytes(8).toString('hex')}`, secret: makeSecret(32) })

/** Fresh keys for both sides of one merchant account. */
export function makeWechatKeys(now: Date): WechatKeyFiles {
  const own = makeRsaPair()
  const certified = makeRsaPair()
  const plain = makeRsaPair()
  const serial = makeSerial()
  const until = new Date(now.getTime() + TEN_YEARS_MS)
  const publicSerial = `PUB_KEY_ID_0${digits(31)}`
  return {
    merchant: {
      mchid: `16${digits(8)}`,
      appid: `wx${randomBytes(8).toString('hex')}`,
      apiV3Key: makeSecret(32),
      merchantSerial: makeSerial(),
      merchantPrivateKeyPem: own.privateKeyPem,
      platformKeys: [
        { serial, publicKeyPem: certified.publicKeyPem },
        { serial: publicSerial, publicKeyPem: plain.publicKeyPem },
      ],
      baseUrl: '',
      appSecret: makeSecret(32),
      mini: makeMini(),
      openUrl: '',
      apiUrl: '',
    },
    platform: {
      merchantPublicKeyPem: createPublicKey(own.privateKeyPem).export({ type: 'spki', format: 'pem' }) as string,
      certificate: {
        ...certified,
        serial,
        certificatePem: selfSigned('Sandbox Pay Platform', serial, certified, now, until),
        from: now.toISOString(),
        until: until.toISOString(),
      },
      publicKey: { ...plain, serial: publicSerial },
    },
  }
}

/** Reads the folder's keys, making them on the first start. */
export function ensureWechatKeys(dir: string, now: Date): WechatKeyFiles {
  const merchant = readJson<WechatMerchantFile>(join(dir, 'wechat.json'))
  const platform = readJson<WechatPlatformFile>(join(dir, 'wechat-platform.json'))
  // A folder made before the account had a secret or a mini programme gets one.
  if (merchant && platform)
    return { merchant: { ...merchant, appSecret: merchant.appSecret ?? makeSecret(32), mini: merchant.mini ?? makeMini() }, platform }
  const files = makeWechatKeys(now)
  writeJson(join(dir, 'wechat-platform.json'), files.platform)
  writeJson(join(dir, 'wechat.json'), files.merchant)
  return files
}
