'use strict'
  // `node --require @inmesh/http/register app.js`, and what injection puts into NODE_OPTIONS. It runs in every Node that the
  // variable reaches, old ones too: plain ES2015, nothing thrown, at most one line on stderr.
;(function () {
  try {
    if (process.env.INMESH_DISABLED === '1' || process.env.INMESH_DISABLED === 'true') return
    var version = process.versions.node.split('.')
    var major = Number(version[0])
    if (major < 22 || (major === 22 && Number(version[1]) < 19)) {
      process.stderr.write('inmesh warn not active: Node ' + process.versions.node + ' is older than 22.19\n')
      return
    }
    var path = require('path')
    // Sources or build, by the same export condition as everything else of this package.
    var entry = require.resolve('@inmesh/http')
    require(path.join(path.dirname(entry), 'register' + path.extname(entry)))
  } catch (error) {
    process.stderr.write(
      'inmesh error not active: ' + ((error && error.message) || error).toString().split('\n')[0] + '\n',
    )
  }
})()
