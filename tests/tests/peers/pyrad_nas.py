"""A NAS made of pyrad: asks what its argument says and prints what came back, one line each.

usage: pyrad_nas.py SECRET USER PASSWORD pap|chap|eap-md5|status|start|stop...
"""

import hashlib
import os
import sys

from pyrad import packet
from pyrad.client import Client, Timeout
from pyrad.dictionary import Dictionary

NAMES = {
    packet.AccessAccept: "Access-Accept",
    packet.AccessReject: "Access-Reject",
    packet.AccountingResponse: "Accounting-Response",
}
DICTIONARIES = "/usr/share/freeradius/dictionary."


def question(client, what, user, password):
    if what == "status":
        return client.CreateAuthPacket(code=packet.StatusServer)
    if what == "eap-md5":
        return client.CreateAuthPacket(auth_type=what, User_Name=user, User_Password=password)
    if what in ("pap", "chap"):
        request = client.CreateAuthPacket(User_Name=user, NAS_Identifier="pyrad")
        if what == "pap":
            request["User-Password"] = request.PwCrypt(password)
        else:
            challenge, number = os.urandom(16), os.urandom(1)
            digest = hashlib.md5(number + password.encode() + challenge).digest()
            request["CHAP-Challenge"] = challenge
            request["CHAP-Password"] = number + digest
        return request
    return client.CreateAcctPacket(
        User_Name=user,
        Acct_Status_Type=what.capitalize(),
        Acct_Session_Id="pyrad-1",
        NAS_Identifier="pyrad",
        Framed_IP_Address="10.64.0.8",
    )


def main():
    secret, user, password, *questions = sys.argv[1:]
    client = Client(
        "127.0.0.1",
        secret=secret.encode(),
        dict=Dictionary(*(DICTIONARIES + rfc for rfc in ("rfc2865", "rfc2866", "rfc2869"))),
        retries=1,
        timeout=1,
        enforce_ma=True,
    )
    for what in questions:
        try:
            reply = client.SendPacket(question(client, what, user, password))
            print(what, NAMES.get(reply.code, reply.code))
        except Timeout:
            print(what, "silence")


main()
