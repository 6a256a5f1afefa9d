<?php
// A NAS made of dapphp/radius: asks with each method that its arguments name and prints what came back.
//
// usage: php_client.php SECRET USER PASSWORD pap|chap|ms-chap-v1|ms-chap-v2|eap-mschapv2...

require_once 'Dapphp/Radius/autoload.php';

use Dapphp\Radius\Radius;
use Dapphp\Radius\VendorId;

const MS_CHAP2_RESPONSE = 25;
const MS_CHAP2_SUCCESS = 26;
const MS_CHAP_CHALLENGE = 11;

// RFC 2759 section 8.7.
const MAGIC_1 = 'Magic server to client signing constant';
const MAGIC_2 = 'Pad to make it do more than one iteration';

function ms_chap_v2(Radius $radius, string $user, string $password): bool
{
    $chap = new Crypt_CHAP_MSv2();
    $chap->username = $user;
    $chap->password = $password;
    $response = $chap->challengeResponse();
    $identifier = "\x07";
    $radius->setVendorSpecificAttribute(VendorId::MICROSOFT, MS_CHAP_CHALLENGE, $chap->authChallenge);
    $radius->setVendorSpecificAttribute(
        VendorId::MICROSOFT,
        MS_CHAP2_RESPONSE,
        $identifier . "\0" . $chap->peerChallenge . str_repeat("\0", 8) . $response
    );
    if (!$radius->accessRequest($user)) {
        return false;
    }
    // The server too has to know the password.
    $hash = $chap->ntPasswordHashHash($chap->ntPasswordHash());
    $digest = sha1($hash . $response . MAGIC_1, true);
    $expected = $identifier . 'S=' . strtoupper(sha1($digest . $chap->challengeHash() . MAGIC_2));
    foreach ($radius->getReceivedAttributes() as [$type, $value]) {
        if ($type != 26) {
            continue;
        }
        foreach ($radius->decodeVendorSpecificContent($value) as [$vendor, $number, $text]) {
            if ($vendor == VendorId::MICROSOFT && $number == MS_CHAP2_SUCCESS) {
                return hash_equals($expected, substr($text, 0, strlen($expected)));
            }
        }
    }
    exit("Access-Accept without MS-CHAP2-Success\n");
}

[, $secret, $user, $password] = $argv;
foreach (array_slice($argv, 4) as $method) {
    $radius = new Radius('127.0.0.1', $secret);
    $radius->setTimeout(2)->setNasIPAddress('127.0.0.1')->setIncludeMessageAuthenticator();
    $accepted = match ($method) {
        'pap' => $radius->accessRequest($user, $password),
        'chap' => $radius->setChapPassword($password)->accessRequest($user),
        'ms-chap-v1' => $radius->setMsChapPassword($password)->accessRequest($user),
        'ms-chap-v2' => ms_chap_v2($radius, $user, $password),
        'eap-mschapv2' => $radius->accessRequestEapMsChapV2($user, $password),
    };
    echo $method, ' ', $accepted ? 'accepted' : $radius->getErrorMessage(), "\n";
}
