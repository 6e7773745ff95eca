import { createPrivateKey, createPublicKey, createSecretKey, type KeyObject } from 'node:crypto'
import type { Credential } from './crypto.ts'

export interface WechatConfig {
  mchid: string
  appid: string
  /** 32 characters, set by the merchant at the channel. */
  apiV3Key: string
  merchantSerial: string
  merchantPrivateKeyPem: string
  /** Several are live while keys are switched: certificate serials and `PUB_KEY_ID_...` side by side. Certificates in PEM are accepted too. */
  platformKeys: readonly { serial: string; publicKeyPem: string }[]
  /** 'https://api.mch.weixin.qq.com' or a stand-in. */
  baseUrl: string
  /**
   * Secret of the official account (公众号). With it a payer inside WeChat pays without scanning; without it they get a code.
   * The account must name our host as 网页授权域名, the merchant `https://…/o/` as 支付授权目录.
   */
  appSecret?: string
  /** The mini programme (小程序) whose shell opens our pages, bound to the same merchant: its payers have openids of their own. */
  mini?: { appid: string; secret: string }
  /** 'https://open.weixin.qq.com' unless a stand-in. */
  openUrl?: string
  /** 'https://api.weixin.qq.com' unless a stand-in. */
  apiUrl?: string
}

/** Keys parsed once; parsing PEM costs more than a signature check. */
export interface WechatKeys {
  credential: Credential
  apiV3Key: KeyObject
  platform: Map<string, KeyObject>
  /** Asked for in `Wechatpay-Serial`, so that the channel answers with the key we prefer. */
  preferredSerial: string | undefined
}

/** Throws on a key of the wrong length or kind: a wrong configuration must stop the start. */
export function readKeys(config: WechatConfig): WechatKeys {
  const apiV3Key = createSecretKey(config.apiV3Key, 'utf8')
  if (apiV3Key.symmetricKeySize !== 32) throw new RangeError('wechat: the APIv3 key must have 32 bytes')
  if (config.platformKeys.length === 0) throw new RangeError('wechat: at least one platform key is needed')
  const platform = new Map(config.platformKeys.map(({ serial, publicKeyPem }) => [serial, createPublicKey(publicKeyPem)]))
  for (const [serial, key] of platform) {
    if (key.asymmetricKeyType !== 'rsa') throw new RangeError(`wechat: platform key ${serial} is not RSA`)
  }
  const privateKey = createPrivateKey(config.merchantPrivateKeyPem)
  return {
    credential: { mchid: config.mchid, merchantSerial: config.merchantSerial, privateKey },
    apiV3Key,
    platform,
    preferredSerial: config.platformKeys.find(key => key.serial.startsWith('PUB_KEY_ID_'))?.serial,
  }
}
