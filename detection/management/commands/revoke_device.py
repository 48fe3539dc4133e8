"""Take all tokens of a device away."""

from detection.services import cameras, devices
from hitlsite.commands import Command as DoorCommand


class Command(DoorCommand):
    help = "Revoke a device for good: its tokens stop working at once."

    def add_arguments(self, parser):
        parser.add_argument("--camera", required=True, help="name of the camera")
        parser.add_argument("--name", required=True, help="name of the device")
        parser.add_argument("--site", default="", help="name; needed when there are several")

    def handle(self, *args, camera, name, site, **options):
        device = devices.find_device(cameras.find_camera(camera, site), name)
        devices.revoke(device)
        self.stdout.write(f"{device} is revoked since {device.revoked_at:%Y-%m-%d %H:%M:%S} UTC.")
