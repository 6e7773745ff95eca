import { join } from 'node:path'
import { controlTrades } from '../common/control.ts'
import { writeJson } from '../common/keys.ts'
import { announce, listen, sandboxServer, surroundings } from '../common/process.ts'
import { serveApi } from './api.ts'
import { wechatDesk } from './desk.ts'
import { ensureWechatKeys } from './keys.ts'
import { serveWallet } from './wallet.ts'

/** Stand-in for WeChat Pay APIv3, as a process of its own. */
const around = surroundings()
const keys = ensureWechatKeys(around.keysDir, around.now())
const desk = wechatDesk(keys, around)
const app = await sandboxServer()
let url = ''
serveApi(app, desk, keys, around, () => url)
serveWallet(app, desk, keys.merchant, around.now)
controlTrades(app, desk, around.faults)
url = await listen(app, keys.merchant.baseUrl)
writeJson(join(around.keysDir, 'wechat.json'), { ...keys.merchant, baseUrl: url, openUrl: url, apiUrl: url })
desk.resume()
announce('wechat', url, async () => {
  desk.stop()
  await app.close()
})
