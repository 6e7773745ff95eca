import { createPublicKey, randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { makeRsaPair, type PemPair, readJson, writeJson } from '../common/keys.ts'

/** What a merchant gets from the channel; stored as `alipay.json`. */
export interface AlipayMerchantFile {
  appId: string
  sellerId: string
  appPrivateKeyPem: string
  alipayPublicKeyPems: string[]
  gatewayUrl: string
}

/** What only the channel has; stored as `alipay-platform.json`. */
export interface AlipayPlatformFile extends PemPair {
  appPublicKeyPem: string
}

export interface AlipayKeyFiles {
  merchant: AlipayMerchantFile
  platform: AlipayPlatformFile
}

const digits = (count: number): string => Array.from(randomBytes(count), byte => byte % 10).join('')

/** Reads the folder's keys, making them on the first start. */
export function ensureAlipayKeys(dir: string): AlipayKeyFiles {
  const merchant = readJson<AlipayMerchantFile>(join(dir, 'alipay.json'))
  const platform = readJson<AlipayPlatformFile>(join(dir, 'alipay-platform.json'))
  if (merchant && platform) return { merchant, platform }
  const own = makeRsaPair()
  const channel = makeRsaPair()
  const files: AlipayKeyFiles = {
    merchant: {
      appId: `2021${digits(12)}`,
      sellerId: `2088${digits(12)}`,
      appPrivateKeyPem: own.privateKeyPem,
      alipayPublicKeyPems: [channel.publicKeyPem],
      gatewayUrl: '',
    },
    platform: { ...channel, appPublicKeyPem: createPublicKey(own.privateKeyPem).export({ type: 'spki', format: 'pem' }) as string },
  }
  writeJson(join(dir, 'alipay-platform.json'), files.platform)
  writeJson(join(dir, 'alipay.json'), files.merchant)
  return files
}
