"""The container image, built and run for real: `make test-container`. Needs root, docker.io and debootstrap.

docker.py       a Docker daemon of the tests' own, and the commands they give it
base_image.py   stand-ins for the base images where no image registry can be reached
compose.py      deploy/docker/compose.yml, read and run service by service
"""
